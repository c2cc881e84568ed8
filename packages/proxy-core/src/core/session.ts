/** Protocol state of one client: what commands change and later commands depend on. */
export class Session {
  readonly id: number;
  readonly createdMs: number;
  protocol: 2 | 3 = 2;
  isAuthenticated: boolean;
  isReadonly = false;
  name = '';
  libraryName = '';
  libraryVersion = '';
  readonly #needsPassword: boolean;

  constructor(options: { id: number; createdMs: number; needsPassword: boolean }) {
    this.id = options.id;
    this.createdMs = options.createdMs;
    this.#needsPassword = options.needsPassword;
    this.isAuthenticated = !options.needsPassword;
  }

  /** RESET: back to the state right after connecting. */
  reset(): void {
    this.protocol = 2;
    this.isAuthenticated = !this.#needsPassword;
    this.isReadonly = false;
    this.name = '';
  }
}
