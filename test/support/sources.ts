/** Where bundlers find what package.json exports: in the sources. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly exports: Readonly<Record<string, { readonly types?: string }>> }

/** Each specifier that package.json exports, as an alias of its source. */
export const sources = Object.entries(manifest.exports).flatMap(([specifier, { types }]) =>
  types === undefined
    ? []
    : [
        {
          find: new RegExp(`^vial${specifier.slice(1)}$`),
          replacement: fileURLToPath(
            new URL(
              `../../${types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')}`,
              import.meta.url,
            ),
          ),
        },
      ],
)
