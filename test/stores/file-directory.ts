/** Directories and child processes for the tests of the file store. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type FileStoreOptions, fileStore } from 'vial/stores/file'
import { onTestFinished } from 'vitest'
import { type FileLockOptions, type FileLocks, fileLocks } from '../../src/stores/file/lock.ts'
import { PATIENCE } from '../support/patience.ts'
import { pathOf } from './file-path.ts'

export const LATER: number = Date.now() + 3_600_000

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

export function content(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

/** A new directory that goes with its test. */
export function newDirectory(): string {
  const root = mkdtempSync(join(tmpdir(), 'vial-file-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  return root
}

/** A store that does not sweep by itself and is closed with its test. */
export function openStore(
  root: string,
  options: FileStoreOptions = {},
): ReturnType<typeof fileStore> {
  const store = fileStore(root, { sweepInterval: false, ...options })
  onTestFinished(() => store.close?.())
  return store
}

/** Locks that are closed with their test. */
export function openLocks(root: string, options: Partial<FileLockOptions> = {}): FileLocks {
  const locks = fileLocks(join(root, 'owners'), {
    fsync: false,
    onError: () => undefined,
    ...options,
  })
  onTestFinished(() => locks.close())
  return locks
}

/** All files and folders below a directory. */
export function namesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true }).map(String).toSorted()
}

export function lockOf(root: string, id: string): string {
  return `${pathOf(root, id)}.lock`
}

/** Ends a wait for a lock that is never free, on a machine under any load. */
export function soon(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(PATIENCE) }
}

/** A running `file-child.ts`. */
export interface Child {
  readonly process: ChildProcess
  /** What it said so far. */
  readonly lines: string[]
  /** Resolves when it has said the next line, or rejects when it ended. */
  readonly next: () => Promise<void>
  /** Ends it with SIGKILL. */
  readonly kill: () => Promise<void>
  readonly ended: Promise<void>
}

/** @param limit How many files the child may have open. */
export function startChild(args: readonly string[], limit = 1_024): Child {
  const script = fileURLToPath(new URL('./file-child.ts', import.meta.url))
  const command = [process.execPath, '--import', 'tsx', script, ...args]
  const child = spawn('sh', ['-c', `ulimit -n ${limit}; exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  let woken: () => void = () => undefined
  reader.on('line', (line) => {
    lines.push(line)
    woken()
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
  })
  const kill = () => {
    child.kill('SIGKILL')
    return ended
  }
  onTestFinished(kill)
  const next = () =>
    new Promise<void>((resolve, reject) => {
      woken = resolve
      void ended.then(() => reject(new Error('the child has ended')))
    })
  return { process: child, lines, next, kill, ended }
}

/** Why no file system of its own can be mounted here; undefined when it can. */
export function mountProblem(): string | undefined {
  if (process.platform !== 'linux') return 'tmpfs is of Linux'
  if (process.getuid?.() !== 0) return 'only root can mount a tmpfs'
  try {
    mountSmallDisk('64k').unmount()
    return undefined
  } catch {
    return 'this machine mounts no tmpfs'
  }
}

/** Mounts a small file system at a new directory. */
export function mountSmallDisk(size: string): {
  readonly root: string
  readonly unmount: () => void
} {
  const root = mkdtempSync(join(tmpdir(), 'vial-disk-'))
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', root]
    execFileSync('mount', options, { stdio: 'pipe' })
  } catch (error) {
    rmSync(root, { recursive: true })
    throw error
  }
  return {
    root,
    unmount() {
      execFileSync('umount', [root])
      rmSync(root, { recursive: true })
    },
  }
}
