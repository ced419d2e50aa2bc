/** Directories in which another user could plant sessions, or which that user could replace. */

import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type AsyncStore, ConfigError, createSessions } from 'vial'
import { fromFlaskConfig } from 'vial/compat/flask-config'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { type FileStoreOptions, fileStore } from 'vial/stores/file'
import { openStore } from 'vial/stores/open'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Browser } from '../core/requests.ts'
import { bytes, content, LATER, newDirectory } from './file-directory.ts'

const STRANGER = 12_345
const stores: readonly (readonly [
  string,
  (directory: string, options?: FileStoreOptions) => AsyncStore,
])[] = [
  ['fileStore', fileStore],
  ['cachelibFileStore', cachelibFileStore],
]

/** Why no directory of another user can be made here; undefined when it can. */
const problem =
  process.platform === 'win32'
    ? 'there are no user ids'
    : process.geteuid?.() === 0
      ? undefined
      : 'only root can give a directory away'
const note = problem === undefined ? '' : ` (skipped: ${problem})`

/** A directory in a parent of its own. */
function nested(): { readonly parent: string; readonly root: string } {
  const parent = realpathSync(newDirectory())
  const root = join(parent, 'sessions')
  mkdirSync(root, { mode: 0o700 })
  return { parent, root }
}

describe.each(stores)('%s', (name, open) => {
  function expectRefused(directory: string, named: string, fix: RegExp): void {
    expect(() => open(directory)).toThrow(ConfigError)
    expect(() => open(directory)).toThrow(`${name}: `)
    expect(() => open(directory)).toThrow(JSON.stringify(named))
    expect(() => open(directory)).toThrow(fix)
  }

  async function expectTaken(directory: string, options?: FileStoreOptions): Promise<void> {
    const store = open(directory, { sweepInterval: false, ...options })
    onTestFinished(() => store.close?.())
    const browser = new Browser(createSessions({ store, cookie: { secure: false } }))
    await browser.visit((session) => session.login('ann'))
    await browser.visit((session) => expect(session.user).toBe('ann'))
  }

  describe.skipIf(problem !== undefined)(`another user${note}`, () => {
    const fix = new RegExp(`owners: \\[${STRANGER}\\]`)

    test('owns the directory', async () => {
      const { root } = nested()
      chownSync(root, STRANGER, 0)
      expectRefused(root, root, fix)
      await expectTaken(root, { owners: [STRANGER] })
    })

    test('owns its parent, and could put another one in its place', async () => {
      const { parent, root } = nested()
      chownSync(parent, STRANGER, 0)
      expectRefused(root, parent, fix)
      expectRefused(join(parent, 'new'), parent, fix)
      await expectTaken(root, { owners: [STRANGER] })
    })

    test('owns what a link leads to', () => {
      const { parent, root } = nested()
      const link = join(parent, 'link')
      symlinkSync(root, link)
      chownSync(root, STRANGER, 0)
      expectRefused(link, root, fix)
      expectRefused(join(link, 'new'), root, fix)
    })

    test('owns the link', async () => {
      const { parent, root } = nested()
      const link = join(parent, 'link')
      symlinkSync(root, link)
      await expectTaken(link)
      lchownSync(link, STRANGER, 0)
      expectRefused(link, link, fix)
      expectRefused(join(link, 'new'), link, fix)
    })

    test('may write to its parent by a group', () => {
      const { parent, root } = nested()
      chownSync(parent, 0, STRANGER)
      chmodSync(parent, 0o775)
      expectRefused(root, parent, /chmod go-w/)
    })

    test('has a group of its own, as each user of Debian has', async () => {
      const { parent, root } = nested()
      chownSync(parent, STRANGER, STRANGER)
      chmodSync(parent, 0o775)
      await expectTaken(root, { owners: [STRANGER] })
    })
  })

  describe.skipIf(process.platform === 'win32')('all users may write', () => {
    test.each([0o777, 0o1777, 0o702])('to the directory, mode %o', async (mode) => {
      const { root } = nested()
      chmodSync(root, mode)
      expectRefused(root, root, /chmod go-w on it.* owners: 'any'/)
      await expectTaken(root, { owners: 'any' })
      expect(statSync(root).mode & 0o7777).toBe(mode)
    })

    test('to its parent, as in a mount of a container', async () => {
      const { parent, root } = nested()
      chmodSync(parent, 0o777)
      expectRefused(root, parent, /chmod go-w on it.* owners: 'any'/)
      await expectTaken(root, { owners: 'any' })
    })

    test('to its parent with the sticky bit, as in /tmp: no harm', async () => {
      const { parent, root } = nested()
      chmodSync(parent, 0o1777)
      await expectTaken(root)
    })
  })

  test.skipIf(process.platform === 'win32')(
    'a link that leads elsewhere later does not move the sessions',
    async () => {
      const { parent, root } = nested()
      const [link, other] = [join(parent, 'link'), join(parent, 'other')]
      mkdirSync(other)
      symlinkSync(root, link)
      const store = open(link, { sweepInterval: false })
      onTestFinished(() => store.close?.())
      await store.create('id', bytes('x'), LATER)
      symlinkSync(other, `${link}.new`)
      renameSync(`${link}.new`, link)
      expect(content(await store.read('id'))).toBe('x')
      expect(readdirSync(other)).toEqual([])
    },
  )

  test.each([['root'], [[-1]], [[1.5]], [['33']]])('refuses owners: %j', (owners) => {
    expect(() => open(newDirectory(), { owners: owners as never })).toThrow(`${name}: owners`)
  })
})

describe.skipIf(problem !== undefined)(`openStore${note}`, () => {
  test.each([`${STRANGER}`, `33,${STRANGER}`, 'any'])('takes owners=%s', async (owners) => {
    const { root } = nested()
    chownSync(root, STRANGER, 0)
    await expect(openStore(`file:${root}`)).rejects.toThrow(`owners: [${STRANGER}]`)
    const store = await openStore(`file:${root}?owners=${owners}`)
    await store.close()
  })

  test('refuses what is no user id', async () => {
    await expect(openStore(`file:${newDirectory()}?owners=me`)).rejects.toThrow('user ids')
  })
})

test.skipIf(problem !== undefined)(
  `a Flask of another user, by its configuration${note}`,
  async () => {
    const { root } = nested()
    chownSync(root, STRANGER, 0)
    const refused = fromFlaskConfig({ SESSION_TYPE: 'filesystem', SESSION_FILE_DIR: root })
    await expect(refused).rejects.toThrow(`owners: [${STRANGER}]`)
    const store = cachelibFileStore(root, { owners: [STRANGER], sweepInterval: false })
    onTestFinished(() => store.close?.())
    const browser = new Browser(
      await fromFlaskConfig({ SESSION_TYPE: 'cachelib', SESSION_CACHELIB: store }),
    )
    await browser.visit((session) => session.set('user', 'ann'))
    await browser.visit((session) => expect(session.get('user')).toBe('ann'))
  },
)

describe.skipIf(problem !== undefined)(`a group that Flask shares${note}`, () => {
  test('may write to the directory of cachelib, and to its parent', () => {
    const { parent, root } = nested()
    for (const path of [parent, root]) {
      chownSync(path, 0, STRANGER)
      chmodSync(path, 0o2770)
    }
    cachelibFileStore(root)
    expect(() => fileStore(root)).toThrow('other users may write')
  })

  test('may write to no parent that is of another group', () => {
    const { parent, root } = nested()
    chownSync(root, 0, STRANGER)
    chmodSync(root, 0o2770)
    chownSync(parent, 0, STRANGER + 1)
    chmodSync(parent, 0o775)
    expect(() => cachelibFileStore(root)).toThrow(JSON.stringify(parent))
  })
})
