import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'
import { defineConfig } from 'vite'
import { sources } from '../../support/sources.ts'

export default defineConfig({
  plugins: [sveltekit({ adapter: adapter({ precompress: false }) })],
  resolve: { alias: sources },
  logLevel: 'warn',
})
