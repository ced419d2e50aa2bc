import session from 'express-session'
import sessionFileStore from 'session-file-store'
import { fileStore } from 'vial/stores/file'
import type { Backend } from '../backend.ts'

export const backend: Backend = {
  open({ folder }) {
    const store = fileStore(folder)
    return { store, close: () => store.close?.() }
  },
  peer: {
    name: 'session-file-store',
    open({ folder }) {
      const FileStore = sessionFileStore(session)
      const store = new FileStore({ path: folder, reapInterval: -1, logFn: () => undefined })
      return { store, close: () => undefined }
    },
  },
}
