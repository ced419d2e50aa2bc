/** Both halves of the site show the same session, in a browser. */

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPython } from '../../../scripts/provision.ts'
import { findProgram } from '../../../scripts/services/programs.ts'
import { chromiumOptions, press } from '../../tutorial/chromium.ts'
import { type Program, runProgram } from '../../tutorial/test/server.ts'
import { repr } from './repr.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const launch = chromiumOptions()
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasSqlite = major > 22 || (major === 22 && minor >= 16)

const missing =
  launch === undefined
    ? 'no Chromium was found; set CHROMIUM_PATH'
    : findPython() === undefined
      ? 'no Python with Flask was found'
      : !hasSqlite && findProgram('redis-server') === undefined
        ? 'neither SQLite in this Node nor redis-server was found'
        : undefined

describe('the two halves', () => {
  let program: Program
  let url: string
  let browser: Browser
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    if (missing !== undefined) return
    program = runProgram(MAIN, { PORT: '0' })
    url = (await program.saw(/TypeScript +(http:\/\/[\d.]+:\d+)/))[1] as string
    browser = await chromium.launch(launch)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await program?.end('SIGTERM')
  })

  beforeEach(async (ctx) => {
    ctx.skip(missing !== undefined, missing)
    // No page needs JavaScript, so the visitors have none.
    context = await browser.newContext({ baseURL: url, javaScriptEnabled: false })
    context.setDefaultTimeout(20_000)
    page = await context.newPage()
  })
  afterEach(() => context?.close())

  const who = () => page.locator('.who').innerText()

  async function logInHere(): Promise<void> {
    await page.goto('/login')
    await page.getByLabel('Name', { exact: true }).fill('admin')
    await page.getByLabel('Password').fill('admin')
    await press(page.getByRole('button', { name: 'Log in' }))
  }

  test('log in here, and be logged in there; log out there, and be logged out here', async () => {
    await logInHere()
    await page.goto('/flask/')
    expect(await who()).toContain('Logged in as admin')
    await press(page.getByRole('button', { name: 'Log out' }))
    expect(await page.locator('.flash').innerText()).toBe('Flask logged you out.')
    await page.goto('/profile')
    expect(page.url()).toBe(`${url}/login`)
    expect(await who()).toBe('Not logged in')
  })

  test('log in there, and be logged in here; log out here, and the old cookie is worth nothing there', async () => {
    await page.goto('/flask/')
    await press(page.getByRole('button', { name: 'Log in as admin' }))
    expect(await page.locator('.flash').innerText()).toBe('Flask logged you in.')
    await page.goto('/profile')
    expect(await who()).toContain('Logged in as admin')
    const old = await context.cookies()
    await press(page.getByRole('banner').getByRole('button', { name: 'Log out' }))
    await page.goto('/flask/')
    expect(await who()).toBe('Not logged in')
    await context.addCookies(old)
    await page.goto('/flask/')
    expect(await who()).toBe('Not logged in')
  })

  test('the cart is filled from both', async () => {
    await page.goto('/cart')
    await press(page.getByRole('button', { name: 'Add Glass vial' }))
    await page.goto('/flask/')
    await press(page.getByRole('button', { name: 'Add Cork stopper' }))
    await press(page.getByRole('button', { name: 'Add Glass vial' }))
    expect(await page.locator('#cart li').allInnerTexts()).toEqual([
      '2 × Glass vial',
      '1 × Cork stopper',
    ])
    await page.goto('/cart')
    expect(await page.getByLabel('Quantity of Glass vial').inputValue()).toBe('2')
    expect(await page.getByLabel('Quantity of Cork stopper').inputValue()).toBe('1')
  })

  test('visits are counted by both', async () => {
    await page.goto('/visits')
    await page.goto('/flask/')
    const before = Number(await page.locator('#visits').innerText())
    expect(before).toBeGreaterThan(0)
    await press(page.getByRole('button', { name: 'Count me' }))
    await page.goto('/visits')
    await page.goto('/flask/')
    expect(Number(await page.locator('#visits').innerText())).toBe(before + 2)
  })

  test('a message that was flashed here is shown there, once, and the other way round', async () => {
    const headers = { origin: url }
    const form = { text: 'Hello from <TypeScript>', category: 'error' }
    await context.request.post('/messages', { form, headers, maxRedirects: 0 })
    await page.goto('/flask/')
    expect(await page.locator('.flash.error').innerText()).toBe('Hello from <TypeScript>')
    await page.goto('/flask/')
    expect(await page.locator('.flash').count()).toBe(0)

    await context.request.post('/flask/cart', { form: { item: 'flask' }, maxRedirects: 0 })
    await page.goto('/')
    expect(await page.locator('.flash.success').innerText()).toBe(
      'Round flask: Flask put one more into your cart.',
    )
  })

  test('Python sees what the panel here shows, type for type', async () => {
    await logInHere()
    await page.goto('/visits')
    await page.goto('/cart')
    await press(page.getByRole('button', { name: 'Add Glass vial' }))
    await page.goto('/flask/')
    await press(page.getByRole('button', { name: 'Add Glass vial' }))
    // Shows the record as it is before this page takes the message out of it.
    await page.goto('/cart')
    await page.goto('/cart')
    const record = JSON.parse(await page.locator('[data-panel=record]').innerText()) as object
    const there = await (await context.request.get('/flask/session.json')).json()
    const here = Object.entries(record).map(([key, value]) => [key, repr(value)])
    expect(there).toEqual(Object.fromEntries(here))
    expect(Object.keys(record)).toEqual(expect.arrayContaining(['_vial', 'visits', 'cart']))
  })
})
