/**
 * Why a frame ended before it was delivered, in the kernel's terms where it has one (`SKB_DROP_REASON_*`, without the
 * prefix, in lower case as pwru prints them is not used: the names are the kernel's).
 */
import { SymbolTable } from "./Symbols.ts"

const table = new SymbolTable()

/** A package defines its reasons once: `const NO_SOCKET = DropReason.define("NO_SOCKET")`. */
export const define = (name: string): number => table.define(name)
export const find = (name: string): number => table.find(name)
export const name = (id: number): string => table.name(id)
export const hash = (id: number): number => table.hash(id)
export const all = (): ReadonlyArray<string> => table.all()

/** The host that held the frame crashed. */
export const HOST_DOWN = define("HOST_DOWN")
/** A fault rule took it. */
export const FAULT = define("FAULT")
/** The link had no carrier. */
export const LINK_DOWN = define("LINK_DOWN")
