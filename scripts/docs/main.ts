/** `npm run docs:stores`: writes the table of stores into its page. */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PROFILES } from '../../test/stores/profiles.ts'
import { withTable } from './page.ts'
import { storeTable } from './store-table.ts'

const page = fileURLToPath(new URL('../../docs/stores.md', import.meta.url))
writeFileSync(page, withTable(readFileSync(page, 'utf8'), storeTable(Object.values(PROFILES))))
