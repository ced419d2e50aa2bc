/** What a store of files is configured with, and how its records lie in a directory. */

import type { Duration } from '../../core/duration.ts'
import type { Owners } from './directory.ts'
import type { FileLocks } from './lock.ts'

export interface FileStoreOptions {
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
  /** Whether an acknowledged write survives a power loss. False is for tests and caches. @default true */
  readonly fsync?: boolean
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Called with background failures, as of the sweep or of releasing a lock. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
  /**
   * The ids of users that may own the directory, its parents and links to it, besides root and the user of this process.
   * `'any'`: nothing is checked, for a directory that no other user can reach, such as a mount of a container.
   * @default []
   */
  readonly owners?: Owners
}

/** What a layout gets to work with. */
export interface Directory {
  /** Its absolute path. */
  readonly root: string
  readonly now: () => number
  readonly hold: FileLocks['hold']
  /** Does work of the housekeeping. Resolves to undefined when it fails, which is reported unless a file is in use. */
  tolerate<T>(work: () => Promise<T>): Promise<T | undefined>
  /** Reads only the head of a file: 0 for a damaged one, undefined when there is none or it cannot be read. */
  expiryOf(path: string): Promise<number | undefined>
  /** Removes a record that may go by its expiry, unless it is in use. Resolves to whether it did. */
  removeIf(path: string, mayGo: (expiresAt: number) => boolean): Promise<boolean>
}

/** The start of a file. The bytes of the record follow. */
export interface FileHead {
  /** In bytes. */
  readonly length: number
  /** In ms since the epoch. */
  readonly expiresAt: number
}

/** How records lie in a directory. */
export interface Layout {
  /** The mode of a file. @default 0o600 */
  readonly mode?: number
  /** The paths where the file of an id may be. It is written to the first; the others are then removed. */
  pathsOf(id: string): readonly [string, ...string[]]
  /** The path of the lock of a file. */
  lockOf(path: string): string
  /** The folders that a sweep goes through. */
  folders(): Iterable<string>
  isRecord(name: string): boolean
  /** Reads the head, which is within the first 32 bytes. Undefined: the file is damaged. */
  parseHead(body: Buffer): FileHead | undefined
  /**
   * Makes the head of a file.
   *
   * @param found The start of the file that is there, for a layout with several kinds of heads. Absent: there is none.
   */
  encodeHead(expiresAt: number, found?: Buffer): Buffer
  /** For a directory that a program without locks writes to. Absent: there is none. */
  readonly shared?: {
    /** Runs before each write, without a lock. */
    prepare(operation: string, signal: AbortSignal | undefined): Promise<void>
    /** Called with 1 for each new file, with -1 for each that was removed. */
    count(change: 1 | -1): void
    /** Runs after each write and each sweep, also when they failed. Does not reject. */
    settle(): Promise<void>
  }
}
