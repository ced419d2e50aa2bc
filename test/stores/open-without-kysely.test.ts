/** Kysely is not installed: neither for the program nor for the modules of this package. */
import { ConfigError } from 'vial'
import { openStore } from 'vial/stores/open'
import { expect, test, vi } from 'vitest'

vi.mock('kysely', () => {
  throw new Error("Cannot find package 'kysely'")
})

const load = (name: string) =>
  Promise.reject(
    Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' }),
  )

test.each([
  ['postgres://localhost/db', 'npm install kysely pg'],
  ['mysql://localhost/db', 'npm install kysely mysql2'],
  ['sqlite:file.db', 'npm install kysely'],
])('%s: an error with the command that installs it', async (url, command) => {
  const opened = openStore(url, { load })
  await expect(opened).rejects.toBeInstanceOf(ConfigError)
  await expect(opened).rejects.toThrow(command)
})
