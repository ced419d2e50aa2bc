/**
 * How a Chromium is started for the tests and the picture of this site.
 *
 * @module
 */

import type { Locator } from 'playwright-core'
import { findChromium } from '../../scripts/provision.ts'

/** For a browser that is only here for a moment and talks to nobody but this site. */
const ARGUMENTS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What playwright needs to know; undefined when no Chromium is installed. */
export function chromiumOptions(): { executablePath: string; args: string[] } | undefined {
  const executablePath = findChromium()
  return executablePath === undefined ? undefined : { executablePath, args: [...ARGUMENTS] }
}

/** Clicks what leads to another page, and waits until that is there. */
export async function press(button: Locator): Promise<void> {
  const loaded = button.page().waitForEvent('load')
  await Promise.all([loaded, button.click()])
}
