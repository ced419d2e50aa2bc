/**
 * The vial site on SQLite, for a Node that has it: `sqlite-site-child.ts <file> <settings> <format of the values>`.
 * Prints its origin and serves until its standard input ends.
 */

import process from 'node:process'
import { sqlStore } from '../../src/stores/sql/index.ts'
import { openNode } from '../stores/sql-sqlite-open.ts'
import { type SiteSettings, sessionsOn } from './profile.ts'
import type { ValueFormat } from './values.ts'
import { vialSite } from './vial-site.ts'

const [, , file = '', settings = '', values] = process.argv
const store = sqlStore(openNode(file), { sweepInterval: false })
const sessions = sessionsOn(store, JSON.parse(settings) as SiteSettings)
const { origin } = await vialSite(sessions, values as ValueFormat)
console.log(origin)
process.stdin.resume().on('end', () => process.exit())
