declare global {
  /** Set by test/frameworks/sveltekit.frameworks.test.ts for each case. */
  var vialSuite: {
    readonly handle: import('@sveltejs/kit/hooks').Handle
    readonly respond: (event: import('@sveltejs/kit').RequestEvent) => Promise<Response>
  }
}

export {}
