/** What the process with a store is asked, and what it answers. */

import type { StoreName } from '../common/stores.ts'

export type StoredQuestion =
  | { readonly do: 'open'; readonly store: StoreName }
  /** So many sessions in all; then so many requests of each kind that are not measured. */
  | { readonly do: 'fill'; readonly upTo: number; readonly warmUp: number }
  | { readonly do: 'measure'; readonly what: What; readonly ms: number }

export type What = 'read' | 'write'

export interface Window {
  readonly operations: number
  /** CPU of this process, µs for each operation. */
  readonly cpu: number
  /** From the beginning of an operation to its end, µs. */
  readonly time: number
}
