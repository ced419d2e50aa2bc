/**
 * The verbs and the sweep of a store that keeps records in files, for any layout of them. A write holds the lock of its
 * id, compares, and replaces or removes a file as a whole. The version of a record is its content, so that a write of
 * any other program changes it.
 */

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { guarded } from '../../core/events.ts'
import type {
  AsyncStore,
  StoredRecord,
  StoreOptions,
  TouchResult,
  Version,
} from '../../core/store.ts'
import { ABORTED } from '../shared/failure.ts'
import { sweeper } from '../shared/sweeper.ts'
import { prepareDirectory } from './directory.ts'
import {
  FileError,
  fileFailure,
  LockedError,
  namesIn,
  replaceFile,
  syncDirectory,
  unlessMissing,
  unlinkIfThere,
  withFile,
} from './files.ts'
import type { Directory, FileStoreOptions, Layout } from './layout.ts'
import { fileLocks } from './lock.ts'

/** A write that holds the locks of its id. */
interface Turn {
  readonly paths: readonly [string, ...string[]]
  /** The path of its temporary file. */
  readonly temporary: string
  /** Checks that the locks are still held. A failure after its call may have changed something. */
  begin(): Promise<void>
}

const HEAD_BYTES = 32
const LOCK = /^(?:[0-9a-f]{32}|[0-9a-f]{64}|count)\.lock(?:\.|$)/
/** How long a sweep waits for a lock, in ms: it skips what another process is writing. */
const SWEEP_WAIT = 100

/**
 * Makes the verbs over a directory, which is made if it is missing.
 *
 * @param store The name of the store's function, for messages.
 * @param sharedGroup Whether the group of the directory may write to it.
 * @param ownersFolder The folder inside for the owner files of locks.
 * @throws {ConfigError} When an option is not valid, the directory cannot be made, or another user could write to it.
 */
export function fileVerbs(
  store: string,
  directory: string,
  sharedGroup: boolean,
  ownersFolder: string,
  options: FileStoreOptions,
  open: (directory: Directory) => Layout,
): Omit<AsyncStore, 'name' | 'atomic'> {
  const { now = Date.now, fsync = true, sweepInterval = '10m', onError, owners = [] } = options
  const sweeping = sweeper(store, sweepInterval, (signal) => sweep({ signal }), onError)
  const root = prepareDirectory(directory, store, owners, sharedGroup)
  const failure = (operation: string, error: unknown, begun = false) =>
    fileFailure(store, root, operation, error, begun)
  const report = guarded(onError, `${store}: onError`)
  const locks = fileLocks(join(root, ownersFolder), {
    fsync,
    onError: (error) => report(failure('unlock', error)),
  })
  const { hold } = locks
  const layout = open({ root, now, hold, tolerate, expiryOf, removeIf })
  const { shared, mode } = layout
  const isLive = (expiresAt: number) => expiresAt > now()

  /** The live record in a file. */
  function parse(body: Buffer): StoredRecord | undefined {
    const head = layout.parseHead(body)
    if (head === undefined || !isLive(head.expiresAt)) return undefined
    const { buffer, byteOffset, length } = body.subarray(head.length)
    const bytes = new Uint8Array(buffer, byteOffset, length)
    return { bytes, version: bytes, expiresAt: head.expiresAt }
  }

  /** Resolves to the live record. Needs no lock, as a file is replaced as a whole. */
  async function find(paths: readonly string[]): Promise<StoredRecord | undefined> {
    // Behind the last path the first ones again: a record may be moved there meanwhile.
    for (const path of [...paths, ...paths.slice(0, -1)]) {
      const body = await unlessMissing(() => readFile(path))
      const record = body && parse(body)
      if (record !== undefined) return record
    }
    return undefined
  }

  /**
   * Runs a verb that writes, under the locks of its id, which each writer takes in the same order.
   *
   * @param locked What it resolves to when another writer has a lock for too long. Absent: it rejects.
   */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (turn: Turn) => Promise<T>,
    locked?: T,
  ): Promise<T> {
    sweeping.start()
    let begun = false
    try {
      await shared?.prepare(operation, signal)
      const paths = layout.pathsOf(id)
      const locks = [...paths].sort().map(layout.lockOf)
      return await hold(locks, signal, ({ temporary, confirm }) => {
        async function begin() {
          await confirm()
          begun = true
        }
        return body({ paths, temporary, begin })
      })
    } catch (error) {
      if (locked !== undefined && error instanceof LockedError && !signal?.aborted) return locked
      throw failure(operation, error, begun)
    } finally {
      await shared?.settle()
    }
  }

  /** Writes a record, or removes it when its expiry is not in the future, unless `refuse` resolves to an answer. */
  async function put<T>(
    turn: Turn,
    bytes: Uint8Array,
    expiresAt: number,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const refused = await refuse()
    if (refused !== undefined) return refused
    if (!isLive(expiresAt)) {
      await remove(turn)
      return undefined
    }
    const [path, ...others] = turn.paths
    const found = shared && (await startOf(path))
    const body = Buffer.concat([layout.encodeHead(expiresAt, found), bytes])
    async function beforeRename() {
      // Once more, as late as possible: the other program takes no lock.
      const late = shared && (await refuse())
      if (late === undefined) await turn.begin()
      return late
    }
    const late = await replaceFile(path, turn.temporary, body, { fsync, mode }, beforeRename)
    if (late !== undefined) return late
    if (found === undefined) shared?.count(1)
    for (const other of others) {
      if (await unlinkIfThere(other)) shared?.count(-1)
    }
    if (fsync) await syncDirectory(dirname(path))
    return undefined
  }

  /** Moves the expiry of a live record in place, which undoes nothing that a program without locks writes meanwhile. */
  async function move(turn: Turn, expiresAt: number, version: Version): Promise<TouchResult> {
    for (const path of turn.paths) {
      const result = await withFile(path, 'r+', async (file) => {
        const body = await file.readFile()
        const record = parse(body)
        const refused = mismatch(record, version)
        if (refused !== undefined) return refused
        const head = layout.encodeHead(expiresAt, body)
        if (record && body.length - record.bytes.length !== head.length) return record
        await turn.begin()
        await file.write(head, 0, head.length, 0)
        if (fsync) await file.datasync()
        return 'touched'
      })
      if (typeof result === 'object') {
        // The head has another length.
        const refuse = async () => mismatch(await find(turn.paths), version)
        return (await put(turn, result.bytes, expiresAt, refuse)) ?? 'touched'
      }
      if (result !== undefined && result !== 'gone') return result
    }
    return 'gone'
  }

  /** Resolves to whether there was a file. */
  async function remove({ paths, begin }: Turn): Promise<boolean> {
    await begin()
    let removed = false
    // The first path last, so that a crash in between does not bring back an older record.
    for (const path of [...paths].reverse()) {
      if (!(await unlinkIfThere(path))) continue
      removed = true
      shared?.count(-1)
    }
    // Also without a file: an earlier removal may have failed before it reached the disk.
    if (fsync) await syncDirectory(dirname(paths[0]))
    return removed
  }

  async function tolerate<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      // The file is in use, or it has a newer format, which a read reports.
      if (!(error instanceof FileError)) report(failure('housekeeping', error))
      return undefined
    }
  }

  /** Resolves to undefined when there is no file. */
  function startOf(path: string): Promise<Buffer | undefined> {
    return withFile(path, 'r', async (file) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
      return buffer.subarray(0, bytesRead)
    })
  }

  function expiryOf(path: string): Promise<number | undefined> {
    return tolerate(async () => {
      const start = await startOf(path)
      return start && (layout.parseHead(start)?.expiresAt ?? 0)
    })
  }

  async function removeIf(path: string, mayGo: (expiresAt: number) => boolean): Promise<boolean> {
    const check = async () => {
      const expiresAt = await expiryOf(path)
      return expiresAt !== undefined && mayGo(expiresAt)
    }
    if (!(await check())) return false
    const limit = AbortSignal.timeout(SWEEP_WAIT)
    const removed = await tolerate(() =>
      hold([layout.lockOf(path)], limit, async ({ confirm }) => {
        if (!(await check())) return false
        await confirm()
        return unlinkIfThere(path)
      }),
    )
    return removed ?? false
  }

  async function sweep({
    limit = Infinity,
    signal,
  }: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    let removed = 0
    try {
      // First: the temporary files of an owner are removed when its owner file is gone.
      await locks.sweepOwners()
      for (const folder of layout.folders()) {
        for (const name of await namesIn(folder)) {
          if (signal?.aborted || removed >= limit) return removed
          const path = join(folder, name)
          if (LOCK.test(name)) {
            await tolerate(() => locks.sweep(path, AbortSignal.timeout(SWEEP_WAIT)))
          } else if (layout.isRecord(name) && (await removeIf(path, (end) => !isLive(end)))) {
            removed++
            shared?.count(-1)
          }
        }
      }
      return removed
    } catch (error) {
      throw failure('sweep', error, true)
    } finally {
      await shared?.settle()
    }
  }

  return {
    async read(id, { signal } = {}) {
      if (signal?.aborted) throw failure('read', new FileError(ABORTED.what, true))
      try {
        const paths = layout.pathsOf(id)
        const record = await find(paths)
        if (record !== undefined) return record
        for (const path of paths) if ((await expiryOf(path)) === 0) return DAMAGED
        return undefined
      } catch (error) {
        throw failure('read', error)
      }
    },

    create(id, bytes, expiresAt, createOptions = {}) {
      return write('create', id, createOptions, async (turn) => {
        const existing = await put(turn, bytes, expiresAt, () => find(turn.paths))
        return existing ? { kind: 'exists' } : { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, replaceOptions = {}) {
      return write('replace', id, replaceOptions, async (turn) => {
        const refused = await put(turn, bytes, expiresAt, async () => {
          const record = await find(turn.paths)
          const kind = mismatch(record, version)
          return kind && { kind, ...(record && { current: record }) }
        })
        return refused ?? { kind: 'replaced', version: bytes }
      })
    },

    touch(id, expiresAt, version, touchOptions = {}) {
      async function touch(turn: Turn): Promise<TouchResult> {
        if (isLive(expiresAt)) return move(turn, expiresAt, version)
        const refused = mismatch(await find(turn.paths), version)
        if (refused === undefined) await remove(turn)
        return refused ?? 'touched'
      }
      // A request that only read does not fail because another one writes.
      return write('touch', id, touchOptions, touch, 'conflict')
    },

    delete(id, version, deleteOptions = {}) {
      return write('delete', id, deleteOptions, async (turn) => {
        const refused =
          version === undefined ? undefined : mismatch(await find(turn.paths), version)
        return refused ?? ((await remove(turn)) ? 'deleted' : 'gone')
      })
    },

    sweep,

    /** Ends the background sweep and removes the owner file of this store. A later write starts both again. */
    async close() {
      await sweeping.close()
      try {
        await locks.close()
      } catch (error) {
        throw failure('close', error)
      }
    },
  }
}

/** What is read from a damaged file: a record that no serializer can read. The other verbs take it for none. */
const DAMAGED: StoredRecord = { bytes: new Uint8Array(), version: new Uint8Array() }

/** What a conditional verb answers when the live record is not the version that was read; undefined when it is. */
function mismatch(
  record: StoredRecord | undefined,
  version: Version,
): 'gone' | 'conflict' | undefined {
  if (record === undefined) return 'gone'
  const same = version instanceof Uint8Array && Buffer.compare(record.bytes, version) === 0
  return same ? undefined : 'conflict'
}
