import { join } from 'node:path'
import process from 'node:process'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest'
import { chromiumOptions, press } from '../chromium.ts'
import { FLAWS } from './flaws.ts'
import { dataDirectory, recordFiles, type Server, startServer } from './server.ts'

const launch = chromiumOptions()
const missing = launch === undefined
const DAY = 86_400

if (missing && process.env['CI'] === 'true') {
  test('a Chromium is there', () => {
    throw new Error('No Chromium was found, and CI must not skip. Set CHROMIUM_PATH.')
  })
}

describe.skipIf(missing)(
  missing ? 'in a browser (skipped: no Chromium was found; set CHROMIUM_PATH)' : 'in a browser',
  () => {
    let data: string
    let removeData: () => Promise<void>
    let server: Server
    let browser: Browser
    let context: BrowserContext
    let page: Page

    beforeAll(async () => {
      ;[data, removeData] = await dataDirectory()
      server = await startServer(data)
      browser = await chromium.launch(launch)
    })

    afterAll(async () => {
      await browser.close()
      await server.end('SIGTERM')
      await removeData()
    })

    beforeEach(async () => {
      ;[context, page] = await newVisitor()
    })

    afterEach(() => context.close())

    /** No page needs JavaScript, so the visitors have none. */
    async function newVisitor(): Promise<[BrowserContext, Page]> {
      const visitor = await browser.newContext({ baseURL: server.url, javaScriptEnabled: false })
      visitor.setDefaultTimeout(10_000)
      return [visitor, await visitor.newPage()]
    }

    async function setName(name: string, on = page): Promise<void> {
      await on.goto('/value')
      await on.getByLabel('Your name').fill(name)
      await press(on.getByRole('button', { name: 'Set it' }))
    }

    async function logIn(password = 'admin', on = page): Promise<void> {
      await on.goto('/login')
      await on.getByLabel('Name', { exact: true }).fill('admin')
      await on.getByLabel('Password').fill(password)
      await press(on.getByRole('button', { name: 'Log in' }))
    }

    async function logOut(): Promise<void> {
      await press(page.getByRole('banner').getByRole('button', { name: 'Log out' }))
    }

    const messages = (on = page) => on.getByRole('status').allTextContents()
    const heading = (on = page) => on.getByRole('heading', { level: 1 }).textContent()
    const path = (on = page) => new URL(on.url()).pathname

    async function quantities(on = page): Promise<Record<string, string>> {
      const rows: Record<string, string> = {}
      await on.goto('/cart')
      for (const row of await on.locator('tbody tr').all()) {
        rows[(await row.locator('th').textContent()) ?? ''] = await row
          .getByRole('spinbutton')
          .inputValue()
      }
      return rows
    }

    test('a value is set, read in another tab, and forgotten', async () => {
      await page.goto('/value')
      expect(await page.locator('#greeting').textContent()).toBe('Hello, Guest!')
      await setName('Ada <Lovelace>')
      const tab = await context.newPage()
      await tab.goto('/value')
      expect(await tab.locator('#greeting').textContent()).toBe('Hello, Ada <Lovelace>!')
      await press(tab.getByRole('button', { name: 'Forget the name' }))
      expect(await messages(tab)).toEqual(['Ada <Lovelace> is forgotten.'])
      await page.reload()
      expect(await page.locator('#greeting').textContent()).toBe('Hello, Guest!')
    })

    test('only the right password logs in, and only then is there a profile', async () => {
      await page.goto('/profile')
      expect(path()).toBe('/login')
      expect(await messages()).toEqual(['Log in to see your profile.'])
      await logIn('letmein')
      expect(path()).toBe('/login')
      expect(await messages()).toEqual(['Wrong name or password.'])
      const [before] = await context.cookies()
      await logIn()
      expect(path()).toBe('/profile')
      expect(await messages()).toEqual(['You are logged in.'])
      expect(await page.getByText('Welcome back').textContent()).toBe('Welcome back, admin.')
      const [after] = await context.cookies()
      expect(after?.value).not.toBe(before?.value)
    })

    test('visits are counted, also ten at once', async () => {
      for (const times of ['1 time.', '2 times.', '3 times.']) {
        await page.goto('/visits')
        expect(await page.locator('#visits').textContent()).toBe(`You have been here ${times}`)
      }
      await press(page.getByRole('link', { name: 'send ten requests at once' }))
      await press(page.getByRole('link', { name: 'Go back' }))
      expect(await page.locator('#visits').textContent()).toBe('You have been here 14 times.')
    })

    test('two tabs fill one cart at once, and nothing is lost', async () => {
      await setName('Ada')
      const tab = await context.newPage()
      await Promise.all([page.goto('/cart'), tab.goto('/cart')])
      for (let round = 0; round < 3; round++) {
        await Promise.all([
          press(page.getByRole('button', { name: 'Add Round flask' })),
          press(tab.getByRole('button', { name: 'Add Cork stopper' })),
        ])
      }
      expect(await quantities()).toEqual({ 'Round flask': '3', 'Cork stopper': '3' })
      await page.getByLabel('Quantity of Round flask').fill('2')
      await press(page.getByRole('button', { name: 'Change Round flask' }))
      await press(page.getByRole('button', { name: 'Remove Cork stopper' }))
      expect(await quantities(tab)).toEqual({ 'Round flask': '2' })
      expect(await tab.locator('#total').textContent()).toBe('€ 29.00')
    })

    test('a message is shown once, on whatever page comes next', async () => {
      await page.goto('/messages')
      await page.getByLabel('Message').fill('Only once')
      await page.getByLabel('Category').selectOption('error')
      await press(page.getByRole('button', { name: 'Flash it' }))
      expect(await messages()).toEqual(['Only once'])
      expect(await page.getByRole('status').getAttribute('class')).toContain('error')
      await page.reload()
      expect(await messages()).toEqual([])
      await page.goto('/')
      expect(await messages()).toEqual([])
      expect(await context.cookies()).toEqual([])
    })

    test('remember me gives the cookie a date, and takes it away again', async () => {
      await page.goto('/login')
      await page.getByLabel('Remember me').check()
      await page.getByLabel('Name', { exact: true }).fill('admin')
      await page.getByLabel('Password').fill('admin')
      await press(page.getByRole('button', { name: 'Log in' }))
      const [remembered] = await context.cookies()
      const days = ((remembered?.expires ?? 0) - Date.now() / 1000) / DAY
      expect(days).toBeGreaterThan(30.9)
      expect(days).toBeLessThan(31.1)
      await page.goto('/remember')
      expect(await page.locator('#life').textContent()).toContain('also when the browser is closed')
      await page.getByLabel('until I close the browser').check()
      await press(page.getByRole('button', { name: 'Save' }))
      const [forgotten] = await context.cookies()
      expect(forgotten?.expires).toBe(-1)
      expect(await heading()).toBe('Remember me')
    })

    test('a remembered visitor outlives the browser, another one does not', async () => {
      const profile = join(data, 'profile')
      // Another host name is another visitor: each has a cookie of its own.
      const elsewhere = server.url.replace('127.0.0.1', 'localhost')
      const open = () =>
        chromium.launchPersistentContext(profile, { ...launch, baseURL: server.url })

      const first = await open()
      const tab = await first.newPage()
      await setName('Ada', tab)
      await tab.goto('/remember')
      await tab.getByLabel('for 31 days').check()
      await press(tab.getByRole('button', { name: 'Save' }))
      await tab.goto(`${elsewhere}/value`)
      await tab.getByLabel('Your name').fill('Bob')
      await press(tab.getByRole('button', { name: 'Set it' }))
      expect(await tab.locator('#greeting').textContent()).toBe('Hello, Bob!')
      await first.close()

      const second = await open()
      const again = await second.newPage()
      await again.goto('/value')
      expect(await again.locator('#greeting').textContent()).toBe('Hello, Ada!')
      await again.goto(`${elsewhere}/value`)
      expect(await again.locator('#greeting').textContent()).toBe('Hello, Guest!')
      await second.close()
    })

    test('log out ends it: the old cookie is refused, and nothing is left behind', async () => {
      const files = await recordFiles(data)
      await logIn()
      const old = await context.cookies()
      await logOut()
      expect(await messages()).toEqual(['You are logged out. The old cookie is worth nothing now.'])
      expect(await context.cookies()).toEqual([])
      expect(await recordFiles(data)).toEqual(files)

      const [thief, tab] = await newVisitor()
      await thief.addCookies(old)
      await tab.goto('/')
      expect(await tab.getByText('It was not honoured').count()).toBe(1)
      await tab.goto('/profile')
      expect(path(tab)).toBe('/login')
      await thief.close()
    })

    test('a cart of before stays through the login', async () => {
      await page.goto('/cart')
      await press(page.getByRole('button', { name: 'Add Glass vial' }))
      await logIn()
      expect(await quantities()).toEqual({ 'Glass vial': '1' })
    })

    test('who is logged in stays so when the server is killed and started again', async () => {
      const [own, removeOwn] = await dataDirectory()
      let running = await startServer(own)
      onTestFinished(async () => {
        await running.end('SIGKILL')
        await removeOwn()
      })
      const visitor = await browser.newContext({ baseURL: running.url, javaScriptEnabled: false })
      const tab = await visitor.newPage()
      await logIn('admin', tab)
      await tab.goto('/cart')
      await press(tab.getByRole('button', { name: 'Add Round flask' }))
      await running.end('SIGKILL')
      running = await startServer(own, running.port)
      await tab.goto('/profile')
      expect(await heading(tab)).toBe('Profile')
      expect(await quantities(tab)).toEqual({ 'Round flask': '1' })
      await visitor.close()
      expect((await running.end('SIGTERM')).code).toBe(0)
    })

    test.each([1280, 360])(
      'every page fits %i pixels, and every field has a name',
      async (width) => {
        await page.setViewportSize({ width, height: 800 })
        await setName('W'.repeat(200))
        await page.goto('/cart')
        await press(page.getByRole('button', { name: 'Add Round flask' }))
        await page.goto('/messages')
        await page.getByLabel('Message').fill('W'.repeat(200))
        await press(page.getByRole('button', { name: 'Flash it' }))
        const pages = [
          '/',
          '/value',
          '/login',
          '/remember',
          '/cart',
          '/visits',
          '/visits/ten',
          '/messages',
          '/x',
        ]
        for (const address of pages) {
          await page.goto(address)
          expect(await page.evaluate(FLAWS), address).toEqual([])
          expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1)
        }
        await logIn()
        expect(await page.evaluate(FLAWS), '/profile').toEqual([])
      },
    )
  },
)
