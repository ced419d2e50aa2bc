/** What other processes do in the tests of the file store: `file-child.ts <mode> <directory> …`. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'
import type { Store } from '../../src/core/store.ts'
import { cachelibFileStore } from '../../src/stores/cachelib-file/index.ts'
import { fileStore } from '../../src/stores/file/index.ts'
import { fileLocks } from '../../src/stores/file/lock.ts'
import { pathOf } from './file-path.ts'

const [, , mode, root = '', id = '', name = '', count = 'Infinity'] = process.argv
/** Waits for a lock without a time limit: a machine under load gives none. */
const UNLIMITED = { signal: new AbortController().signal }
const later = Date.now() + 3_600_000

function say(line: string): void {
  if (!isMainThread) return
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      // The pipe is full until the test reads on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

/** Takes the lock of an id, or the lock at a path below the directory, and never lets go. */
async function hold(): Promise<void> {
  const locks = fileLocks(join(root, 'owners'), { fsync: false, onError: () => undefined })
  const path = name === '' ? `${pathOf(root, id)}.lock` : join(root, name)
  await locks.hold([path], undefined, async () => {
    say('held')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  })
}

/** Counts up its own entry of one record, and says each number once it is stored. */
async function countUp(store: Store): Promise<void> {
  say('started')
  for (let turn = 0; turn < Number(count); turn++) {
    for (;;) {
      const record = await store.read(id)
      if (record === undefined) throw new Error('the record is gone')
      const entries: Record<string, number> = JSON.parse(Buffer.from(record.bytes).toString())
      entries[name] = (entries[name] ?? 0) + 1
      const bytes = Buffer.from(JSON.stringify(entries))
      const result = await store.replace(id, bytes, later, record.version, UNLIMITED)
      if (result.kind === 'gone') throw new Error('the record is gone')
      if (result.kind === 'conflict') continue
      say(String(entries[name]))
      break
    }
  }
  await store.close?.()
}

/** Creates more records at once than the process may open files, and says how each ended. */
async function crowd(): Promise<void> {
  const store = fileStore(root, { sweepInterval: false })
  const results = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      store.create(`${id}-${n}`, Buffer.from('x'), later).then(
        ({ kind }) => kind,
        ({ name, outcome, retriable }) => [name, outcome, retriable].join(),
      ),
    ),
  )
  for (const result of results) say(result)
}

const modes: Record<string, () => Promise<void>> = {
  hold,
  count: () => countUp(fileStore(root, { sweepInterval: false })),
  'count-cachelib': () => countUp(cachelibFileStore(root, { sweepInterval: false })),
  crowd,
}
await modes[mode ?? '']?.()
