/** One `up` or `down` at a time in one checkout. */

import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { identify, isRunning, type ProcessId } from './processes.ts'
import { STATE_FOLDER } from './state.ts'
import { until } from './until.ts'

const LOCK = join(STATE_FOLDER, 'lock')

/** Waits for its turn, up to ten minutes, then does the work. */
export async function alone<T>(work: () => Promise<T>): Promise<T> {
  const own = `${LOCK}.${process.pid}`
  mkdirSync(STATE_FOLDER, { recursive: true })
  writeFileSync(own, JSON.stringify(identify(process.pid)))
  let told = false
  try {
    await until('the lock', () => take(own) || waiting(), { limit: 600_000 })
    try {
      return await work()
    } finally {
      rmSync(LOCK, { force: true })
    }
  } finally {
    rmSync(own, { force: true })
  }

  function waiting(): false {
    if (!told) console.log('Waiting for another "npm run services" to end.')
    told = true
    return false
  }
}

function take(own: string): boolean {
  try {
    linkSync(own, LOCK)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (!isRunning(holder())) rmSync(LOCK, { force: true })
    return false
  }
}

function holder(): ProcessId {
  try {
    return JSON.parse(readFileSync(LOCK, 'utf8')) as ProcessId
  } catch {
    return { pid: 0, startedAt: 'it has just gone' }
  }
}
