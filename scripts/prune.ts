/**
 * Removes what no entry of the package leads to: declarations that speak of files which nobody can import, and modules
 * that hold types alone. Part of `npm run build`.
 */

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<
    Record<string, string | { readonly types: string; readonly default: string }>
  >
}

const reached = new Set<string>()
for (const entry of Object.values(exports)) {
  if (typeof entry !== 'object') continue
  reach(join(root, entry.types), '.d.ts')
  reach(join(root, entry.default), '.js')
}

const dist = join(root, 'dist')
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  const file = join(dist, name)
  if (/\.(?:js|d\.ts)$/.test(name) && !reached.has(file)) rmSync(file)
}

function reach(file: string, ending: '.d.ts' | '.js'): void {
  if (reached.has(file)) return
  reached.add(file)
  // `from '…'`, `import('…')` and `import '…'`, all relative within the package.
  const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)
  for (const [, specifier = ''] of imports) {
    reach(join(dirname(file), specifier.replace(/\.(?:js|ts)$/, ending)), ending)
  }
}
