/**
 * The 802.1Q tag (IEEE 802.1Q-2022 §9.6), four bytes between the source address and the type of an Ethernet header.
 *
 * ```
 *  frame + 12        14                16       18
 *  +-----------------+-----------------+--------+---------
 *  | 0x8100 (0x88a8) | pri | dei | vid | type   | payload
 *  +-----------------+-----------------+--------+---------
 * ```
 *
 * `at` is where the tag's control field stands: the Ethernet header + 14. The type in front of it belongs to the header.
 */
import * as Result from "effect/Result"
import { setU16, u16 } from "./Bytes.ts"
import { ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN } from "./Ethernet.ts"
import { truncated } from "./Unreadable.ts"
import type { Truncated } from "./Unreadable.ts"

export interface VlanTag {
  /** 0 to 4,095; 0 is a priority tag, 4,095 reserved. */
  readonly id: number
  /** 0 to 7. */
  readonly priority: number
  /** Drop eligible. */
  readonly dropEligible: boolean
  /** The type of what follows the tag. */
  readonly etherType: number
}

/** Bytes of control field and inner type. */
export const tagBytes = 4

/** Whether an Ethernet type announces a tag. */
export const isTag = (etherTypeOfFrame: number): boolean =>
  etherTypeOfFrame === ETHERTYPE_VLAN || etherTypeOfFrame === ETHERTYPE_SERVICE_VLAN

/** Precondition of every field function: `at + tagBytes <= bytes.length`. The 16-bit control field (Linux: vlan_tci). */
export const control = (bytes: Uint8Array, at: number): number => u16(bytes, at)
export const id = (bytes: Uint8Array, at: number): number => u16(bytes, at) & 0xfff
export const priority = (bytes: Uint8Array, at: number): number => bytes[at]! >>> 5
export const dropEligible = (bytes: Uint8Array, at: number): boolean => (bytes[at]! & 0x10) !== 0
export const etherType = (bytes: Uint8Array, at: number): number => u16(bytes, at + 2)

export const setControl = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at, value)
/** Writes the twelve bits of the id and leaves the other four. */
export const setId = (bytes: Uint8Array, at: number, value: number): void =>
  setU16(bytes, at, (u16(bytes, at) & 0xf000) | (value & 0xfff))
export const setEtherType = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + 2, value)

/**
 * Puts a tag into the frame at `frameAt`: moves both addresses four bytes towards the front and writes the tag behind them.
 *
 * Precondition: `frameAt >= 4`; the four bytes before the frame are free (head room).
 * @returns where the frame starts now: `frameAt - 4`
 */
export const push = (bytes: Uint8Array, frameAt: number, tagType: number, controlField: number): number => {
  const at = frameAt - tagBytes
  bytes.copyWithin(at, frameAt, frameAt + 12)
  setU16(bytes, at + 12, tagType)
  setU16(bytes, at + 14, controlField)
  return at
}

/**
 * Takes the tag out of the frame at `frameAt`: moves both addresses four bytes towards the end.
 *
 * Precondition: the frame carries a tag.
 * @returns where the frame starts now: `frameAt + 4`
 */
export const pop = (bytes: Uint8Array, frameAt: number): number => {
  bytes.copyWithin(frameAt + tagBytes, frameAt, frameAt + 12)
  return frameAt + tagBytes
}

/** Reads a tag. Never throws, whatever the bytes. */
export const decode = (bytes: Uint8Array, at: number, end: number = bytes.length): Result.Result<VlanTag, Truncated> =>
  end - at < tagBytes
    ? Result.fail(truncated(at, tagBytes, end))
    : Result.succeed({
        id: id(bytes, at),
        priority: priority(bytes, at),
        dropEligible: dropEligible(bytes, at),
        etherType: etherType(bytes, at)
      })

/** Writes every byte of control field and inner type; returns where the payload starts. */
export const encode = (tag: VlanTag, bytes: Uint8Array, at: number): number => {
  setControl(bytes, at, controlOf(tag.id, tag.priority, tag.dropEligible))
  setEtherType(bytes, at, tag.etherType)
  return at + tagBytes
}

/** The control field of an id, a priority and a drop eligible bit. */
export const controlOf = (vlanId: number, vlanPriority: number, isDropEligible: boolean): number =>
  ((vlanPriority & 7) << 13) | (isDropEligible ? 0x1000 : 0) | (vlanId & 0xfff)
