/**
 * Prevents: tests that are quietly not run. Says once, before the tests, which parts of the system are missing; the
 * tests that need them are skipped by name. Never fails.
 */

import { findChromium } from './chromium.ts'
import { makeDebianPython } from './debian-flask.ts'
import { makeSqlite } from './node24.ts'
import { makePythonEnv } from './python-env.ts'

const LIMIT = 180_000

const python = await makePythonEnv(LIMIT)
if (python !== undefined) {
  console.log(`No Python with Flask, so the tests that need it are skipped: ${python}`)
}
const sqlite = await makeSqlite(LIMIT)
if (sqlite !== undefined) {
  console.log(`No Node with SQLite, so the tests that need it are skipped: ${sqlite}`)
}
const legacy = await makeDebianPython()
if (legacy !== undefined) {
  console.log(`No Flask of Debian, so the tests with old versions are skipped: ${legacy}`)
}
if (findChromium() === undefined) {
  console.log('No Chromium or Chrome, so the tests that need a browser are skipped.')
}
