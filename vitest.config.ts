import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^vial$/, replacement: source('index.ts') },
      { find: /^vial\/testing$/, replacement: source('testing/index.ts') },
      { find: /^vial\/(.+)$/, replacement: source('$1.ts') },
    ],
  },
  test: { include: ['test/**/*.test.ts', 'examples/**/*.test.ts'], testTimeout: 30_000 },
})
