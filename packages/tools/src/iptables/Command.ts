/**
 * What an `iptables` command line asks for, as data.
 */
import type { Rule, TableName } from "@darkfiber/kernel-net/netfilter/Rules"

export type IptablesCommand = { readonly table: TableName } & (
  | { readonly _tag: "Append"; readonly chain: string; readonly rules: ReadonlyArray<Rule> }
  | { readonly _tag: "Insert"; readonly chain: string; readonly number: number; readonly rules: ReadonlyArray<Rule> }
  | { readonly _tag: "Replace"; readonly chain: string; readonly number: number; readonly rule: Rule }
  | { readonly _tag: "DeleteRule"; readonly chain: string; readonly rules: ReadonlyArray<Rule> }
  | { readonly _tag: "DeleteAt"; readonly chain: string; readonly number: number }
  | { readonly _tag: "Check"; readonly chain: string; readonly rules: ReadonlyArray<Rule> }
  /** `chain` null: all of them. */
  | {
      readonly _tag: "List"
      readonly chain: string | null
      readonly verbose: boolean
      readonly exact: boolean
      readonly lineNumbers: boolean
    }
  | { readonly _tag: "ListRules"; readonly chain: string | null; readonly verbose: boolean }
  | { readonly _tag: "Flush"; readonly chain: string | null }
  | { readonly _tag: "Zero"; readonly chain: string | null }
  | { readonly _tag: "NewChain"; readonly chain: string }
  | { readonly _tag: "DeleteChain"; readonly chain: string | null }
  | { readonly _tag: "Policy"; readonly chain: string; readonly policy: "ACCEPT" | "DROP" }
)

/** A command line that cannot be read: what iptables says on stderr, and its exit status (2). */
export interface UsageError {
  readonly _tag: "UsageError"
  readonly message: string
}

export const usageError = (message: string): UsageError => ({ _tag: "UsageError", message })

/** What iptables puts behind most complaints. */
export const withHint = (message: string): string =>
  `iptables v1.8.9 (legacy): ${message}\nTry \`iptables -h' or 'iptables --help' for more information.`
