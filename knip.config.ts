import { readFileSync } from 'node:fs'
import type { KnipConfig } from 'knip'

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly types?: string }>>
}

/** The sources behind package.json's exports. */
const faces = Object.values(manifest.exports).flatMap(({ types }) =>
  types === undefined ? [] : [types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')],
)

export default {
  entry: [
    ...faces,
    'examples/**/*.ts',
    'test/types/*.ts',
    'test/**/*-child.ts',
    'scripts/*.{ts,mjs}',
  ],
  project: ['{src,test,examples,scripts}/**/*.{ts,mjs}'],
  // Programs of the system, which its tests look for.
  ignoreBinaries: ['mount', 'umount', 'openssl'],
  ignoreExportsUsedInFile: { interface: true, type: true },
} satisfies KnipConfig
