/**
 * The rebase table: what becomes of each edit when the record is not, or no longer, the one that was read.
 *
 * | edit | record unchanged | the key was changed by another | the key is gone |
 * |---|---|---|---|
 * | put | write | write; `overwritten` when this request had read the key | write |
 * | nested | write the whole value | the same, `overwritten` | drop, `dropped`: else a logout by removing a key is undone |
 * | remove | remove | remove | nothing |
 * | apply | the result of the call | run again on the new value | run again on nothing |
 * | clear | drop every key | drop theirs, too | nothing |
 *
 * When the whole record is gone, every edit is dropped: an update never creates.
 *
 * @module
 */

import { ConflictError } from '../errors.ts'
import { type Changes, type Operation, operated, TypeMismatch } from './changes.ts'
import type { Entries, Serializer } from './serializer.ts'

/** What happened to an edit that could not be carried over as it was meant. */
export interface Report {
  readonly type: 'overwritten' | 'dropped'
  readonly key: string
}

/**
 * Gives the record that results when the changes are made to `onto`. Neither is changed, so it can be done again.
 *
 * @throws {ConflictError} When an operation does not fit the value that another request stored.
 */
export function rebase(
  changes: Changes,
  onto: Entries,
): { readonly entries: Entries; readonly reports: readonly Report[] } {
  const entries: Entries = changes.cleared ? new Map() : new Map(onto)
  const reports: Report[] = []
  for (const [key, cell] of changes.edited()) {
    const theirs = changes.cleared ? undefined : onto.get(key)
    const changed = onto !== changes.base && !same(changes.serializer, theirs, cell.base)
    switch (cell.edit.kind) {
      case 'put':
        if (changed && cell.read) reports.push({ type: 'overwritten', key })
        entries.set(key, cell.entry)
        break
      case 'nested':
        if (changed) reports.push({ type: theirs === undefined ? 'dropped' : 'overwritten', key })
        if (!changed || theirs !== undefined) entries.set(key, cell.entry)
        break
      case 'remove':
        entries.delete(key)
        break
      case 'apply': {
        const { operations } = cell.edit
        const entry = changed ? again(changes.serializer, key, operations, theirs) : cell.entry
        if (entry === undefined) entries.delete(key)
        else entries.set(key, entry)
        break
      }
      case 'none':
        break
    }
  }
  return { entries, reports }
}

function again(
  serializer: Serializer,
  key: string,
  operations: readonly Operation[],
  theirs: unknown,
): unknown {
  let entry = theirs
  try {
    for (const operation of operations) entry = operated(serializer, key, entry, operation)
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error
    throw new ConflictError(
      `Session key '${key}': another request stored a value that this edit no longer fits. ${error.message}`,
      { key, cause: error },
    )
  }
  return entry
}

function same(serializer: Serializer, a: unknown, b: unknown): boolean {
  return a === undefined || b === undefined ? a === b : serializer.equal(a, b)
}
