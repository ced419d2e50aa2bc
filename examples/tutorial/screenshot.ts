/**
 * Takes the picture of the documentation again: `npx tsx examples/tutorial/screenshot.ts`. Needs a
 * Chromium; CHROMIUM_PATH says where it is.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { chromiumOptions, press } from './chromium.ts'
import { dataDirectory, startServer } from './test/server.ts'

const PICTURE = fileURLToPath(new URL('../../docs/images/tutorial.png', import.meta.url))

/** Does what a visitor does, until there is something to see. */
async function visit(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/value`)
  await page.getByLabel('Your name').fill('Ada')
  await press(page.getByRole('button', { name: 'Set it' }))
  await page.goto(`${url}/login`)
  await page.getByLabel('Name', { exact: true }).fill('admin')
  await page.getByLabel('Password').fill('admin')
  await page.getByLabel('Remember me').check()
  await press(page.getByRole('button', { name: 'Log in' }))
  await page.goto(`${url}/visits`)
  await page.goto(`${url}/cart`)
  for (const item of ['Cork stopper', 'Glass vial', 'Glass vial', 'Round flask']) {
    await press(page.getByRole('button', { name: `Add ${item}` }))
  }
}

const options = chromiumOptions()
if (options === undefined) {
  console.error('No Chromium was found. Say where it is: CHROMIUM_PATH=…')
  process.exit(1)
}
const [data, removeData] = await dataDirectory()
const server = await startServer(data)
try {
  const browser = await chromium.launch(options)
  const page = await browser.newPage({ viewport: { width: 1280, height: 1240 } })
  await visit(page, server.url)
  await writeFile(PICTURE, await page.screenshot())
  await browser.close()
  console.log(PICTURE)
} finally {
  await server.end('SIGTERM')
  await removeData()
}
