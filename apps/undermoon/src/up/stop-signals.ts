/** The wishes of the person or the system that this program ends. */
export interface StopSignals {
  /** The name of the first signal. */
  readonly first: Promise<string>;
  /** Aborted with the first signal. */
  readonly abort: AbortSignal;
  /** Calls back at every further signal. */
  onFurther(callback: () => void): void;
  ignore(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes over the signals that end a program. */
export function takeStopSignals(): StopSignals {
  const controller = new AbortController();
  const further: (() => void)[] = [];
  let resolveFirst: (signal: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    resolveFirst = resolve;
  });
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) for (const callback of further) callback();
    resolveFirst(signal);
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    first,
    abort: controller.signal,
    onFurther: (callback) => further.push(callback),
    ignore: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
