/**
 * The secret that signs the cookie: made at the first start, kept in a file that only its owner may read.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'

/**
 * Resolves to the secret in the file. Makes it when there is none; of many programs that start at once, one makes it
 * and all get the same.
 */
export async function keptSecret(path: string): Promise<string> {
  return (await readSecret(path)) ?? (await makeSecret(path))
}

async function makeSecret(path: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    // Unlike a rename, a link never replaces: the first one wins, and what it names is complete.
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
  const secret = await readSecret(path)
  if (secret === undefined) throw new Error(`${path} was removed while the program started.`)
  return secret
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
