import { readFileSync } from 'node:fs'
import type { KnipConfig } from 'knip'

const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly types?: string }>>
}

/** The sources behind package.json's exports. */
const doors = Object.values(manifest.exports).flatMap(({ types }) =>
  types === undefined ? [] : [types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')],
)

export default {
  workspaces: {
    '.': {
      entry: [
        ...doors,
        'examples/*.ts',
        'examples/!(tutorial)/**/*.ts',
        'test/types/*.ts',
        'test/**/*-child.ts',
        'scripts/*.{ts,mjs}',
      ],
      project: ['{src,test,examples,scripts}/**/*.{ts,mjs}', '!test/frameworks/**'],
    },
    'test/frameworks': {
      entry: [
        '*.test.ts',
        'sveltekit*/vite.config.ts',
        'sveltekit*/src/{hooks.server,typed}.ts',
        'sveltekit*/src/routes/**/*.{ts,svelte}',
      ],
      project: ['**/*.{ts,svelte}'],
      // Peers of SvelteKit and NestJS, which the sites do not import by name.
      ignoreDependencies: ['@sveltejs/vite-plugin-svelte', 'rxjs', 'svelte'],
      // SvelteKit makes them.
      ignoreUnresolved: [/\/\$types$/, /^\$app\//],
    },
    'examples/tutorial': {
      entry: ['**/*.ts'],
      // `npm start` runs it with tsx.
      ignoreDependencies: ['tsx'],
    },
  },
  // Programs of the system, which its tests look for.
  ignoreBinaries: ['mount', 'umount', 'openssl'],
  ignoreExportsUsedInFile: { interface: true, type: true },
} satisfies KnipConfig
