import type { sessions } from './lib/sessions.ts'

declare global {
  namespace App {
    interface Locals {
      readonly session: ReturnType<typeof sessions.of>
    }
  }
}
