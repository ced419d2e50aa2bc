/**
 * The contract of a store: id → bytes until they expire. A store holds opaque bytes and merges nothing; four conditional
 * verbs are enough for a session that loses no update and stays logged out. Every numbered sentence has a case of the
 * same number in `vial/testing`.
 *
 * Times are milliseconds since the epoch, from the caller's clock. An id is 1 to 200 visible ASCII characters (`!` to
 * `~`), the prefix of the store included. Bytes and versions may be shared between caller and store: neither side
 * changes them.
 *
 * @module
 */

/** An answer that may be there at once, as that of a store in this process's memory: a promise would cost more than the answer. */
export type MaybePromise<T> = T | Promise<T>

/** Names the content that was read. Only its store understands it; for most stores it is the bytes themselves. */
export type Version = unknown

/** What a store holds for one id. */
export interface StoredRecord {
  readonly bytes: Uint8Array
  readonly version: Version
  /** When the record expires. Absent: not known, which is not "never". */
  readonly expiresAt?: number
}

/** What every verb takes. */
export interface StoreOptions {
  /** Stop waiting. It never means that the operation is undone. */
  readonly signal?: AbortSignal
  /** Whether `signal` is aborted. For a store that only looks before it starts: the signal itself is made when it is read. */
  readonly aborted?: boolean | undefined
}

/** What `read` takes besides. */
export interface ReadOptions extends StoreOptions {
  /** The caller needs `expiresAt`. A store to which it costs extra may leave it out otherwise. */
  readonly expiry?: boolean
  /** Answer from the primary: never from a near cache or a replica [R6]. The reads on which a retry, a claim or a settlement rests ask for it. */
  readonly fresh?: boolean
}

export type CreateResult =
  | { readonly kind: 'created'; readonly version?: Version }
  | { readonly kind: 'exists' }

export type ReplaceResult =
  | { readonly kind: 'replaced'; readonly version?: Version }
  /** The record has another version by now; `current` when the newer record came for free. */
  | { readonly kind: 'conflict'; readonly current?: StoredRecord }
  | { readonly kind: 'gone' }

export type TouchResult = 'touched' | 'conflict' | 'gone'

export type DeleteResult = 'deleted' | 'conflict' | 'gone'

/**
 * Each verb answers with a promise, or at once when nothing has to be waited for. It rejects, or throws, only a
 * `StoreError` or a `TooLargeError`, and only when the backend fails or refuses [F1]. A write that may have happened
 * although its reply was lost is reported as `unknown` [F2].
 */
export interface Store {
  /** For logs and tables, such as `redis`. */
  readonly name: string
  /** False: cannot compare and set, so concurrent writes may be lost and a logout undone. */
  readonly atomic: boolean
  /** True: may drop live records to make room, or by a policy of the server that the store cannot see. Absent: false. */
  readonly evicts?: boolean
  /** True: a failover may lose writes that were acknowledged, as replicas follow later. Absent: false. */
  readonly forgets?: boolean
  /**
   * Asks the backend why it may drop live records to make room, and resolves to the reason, such as
   * `maxmemory-policy is allkeys-lru`; to undefined when it does not. Absent: `evicts` says all.
   */
  evicting?(): Promise<string | undefined>
  /** What it puts before each id in the backend. Absent: nothing, or not as text. */
  readonly prefix?: string
  /** The grain of expiry times in ms. A store rounds them up, never down [D1]. Absent: 1. */
  readonly resolution?: number

  /**
   * Answers with the newest state, never a replica's [R1]; with undefined for an id that is unknown [R2] or expired
   * [R3]. Gives back exactly the bytes that were written [R4], and with `expiry` when they expire [R5]. A near cache may
   * answer unless `fresh` is set [R6].
   */
  read(id: string, options?: ReadOptions): MaybePromise<StoredRecord | undefined>

  /**
   * Inserts, also over an expired record [C1]; never overwrites a live one [C2]. Of many creates at once exactly one
   * inserts [C3]. An `expiresAt` that is not in the future leaves nothing behind [C4].
   */
  create(
    id: string,
    bytes: Uint8Array,
    expiresAt: number,
    options?: StoreOptions,
  ): MaybePromise<CreateResult>

  /**
   * Replaces exactly the version that was read, data and expiry in one step [P1]; otherwise answers `conflict` and
   * changes nothing [P2]. Never creates: an unknown, deleted or expired id is `gone` [P3]. Equal bytes count as
   * replaced [P4]. An `expiresAt` that is not in the future ends the record [P5]. Of many replaces of one version
   * exactly one succeeds [P6]. `version` may be absent where the backend gives none: read again before the next replace.
   */
  replace(
    id: string,
    bytes: Uint8Array,
    expiresAt: number,
    version: Version,
    options?: StoreOptions,
  ): MaybePromise<ReplaceResult>

  /**
   * Moves the expiry of exactly the version that was read, later or earlier [T1], and leaves bytes and version as they
   * are [T2]; never creates, and answers `gone` when the record is gone [T3]. An `expiresAt` that is not in the future
   * ends the record [T4]. Another version is a `conflict`, and nothing changes [T5]. So is a touch that the backend put off
   * for other writers each time: a request that only reads does not fail for it.
   */
  touch(
    id: string,
    expiresAt: number,
    version: Version,
    options?: StoreOptions,
  ): MaybePromise<TouchResult>

  /**
   * A postcondition: once it resolves without a version, the record is not there, whatever ran at the same time [X1].
   * With a version it removes exactly that one, or answers `conflict` [X2]. An unknown id is `gone`, not an error [X3].
   */
  delete(id: string, version?: Version, options?: StoreOptions): MaybePromise<DeleteResult>

  /**
   * Removes up to `limit` expired records and resolves to their number [S1]; never a live one [S2]. Absent: the backend
   * does it by itself.
   */
  sweep?(options?: StoreOptions & { readonly limit?: number }): Promise<number>

  /** Yields the ids of the live records, each once [L1]. Absent: the backend cannot list them. */
  list?(options?: StoreOptions): AsyncIterable<string>

  /** Ends what the store itself started, such as timers. A client that was handed in stays open. */
  close?(): Promise<void>
}

/** The verbs that every store has. */
export type Verb = 'read' | 'create' | 'replace' | 'touch' | 'delete'

/** A store whose answers are promises without exception, as it has a backend to wait for. */
export interface AsyncStore
  extends Omit<Store, Verb>,
    Readonly<{
      [V in Verb]: (...args: Parameters<Store[V]>) => Promise<Awaited<ReturnType<Store[V]>>>
    }> {}
