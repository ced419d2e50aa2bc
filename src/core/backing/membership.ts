/**
 * How a session joins its user's list when it is not there, and leaves it.
 *
 * @module
 */

import { isStoreError } from '../../errors.ts'
import type { OnEvent } from '../events.ts'
import { keyOf } from '../ids.ts'
import type { Draft, Origin } from '../origin.ts'
import { readMeta, writeMeta } from '../record.ts'
import type { TimeLimit } from '../time-limit.ts'
import type { UserLists } from '../users/index.ts'
import {
  type CommitConfig,
  type CommitResult,
  type Known,
  OptimisticCommit,
} from './optimistic-commit.ts'

export interface MembershipConfig extends CommitConfig {
  readonly lists: UserLists
  readonly emit: OnEvent
}

export class Membership {
  readonly #config: MembershipConfig

  constructor(config: MembershipConfig) {
    this.#config = config
  }

  /** Whether a session has a user, and the user's list lacks it or says less than the record. */
  isMissing({ meta }: Origin): boolean {
    return this.#config.lists.lacks(meta)
  }

  /** Adds a session to its user's list, and notes that in its record. */
  join(origin: Origin, from: Known, limit: TimeLimit): Promise<CommitResult> {
    const { serializer, expiry, now, lists } = this.#config
    const loaded = origin.meta
    const join = (onto: Origin['entries']): Draft | 'gone' | 'untouched' => {
      const before = readMeta(onto, serializer)
      if (before.verifierHash !== loaded.verifierHash) return 'gone'
      if (!lists.lacks(before)) return 'untouched'
      const meta = { ...expiry.noted(before, undefined, now()), listed: true as const }
      const entries = new Map(onto)
      writeMeta(entries, serializer, meta)
      return { entries, reports: [], meta, before, empty: false, permanent: false }
    }
    const commit = new OptimisticCommit(this.#config, limit)
    return commit.replace(keyOf(origin), from, join, 'none')
  }

  /**
   * Takes a session that has ended out of its user's list. That this fails brings nothing back. One that was only cleared
   * stays in the list until `list` or a login at the limit finds it anonymous, as it may get a user again meanwhile.
   */
  async leave(origin: Origin, limit: TimeLimit): Promise<void> {
    const { lists, emit } = this.#config
    const { user, listed } = origin.meta
    if (user === undefined || !listed) return
    try {
      await lists.remove(user, new Map([[keyOf(origin), undefined]]), limit)
    } catch (error) {
      if (isStoreError(error)) emit({ type: 'store-failed', error })
    }
  }
}
