import { Observable } from '@/lib/observable';

/** How often what is shown may change: every frame, every five seconds, not at all. */
export type Pace = 'live' | 'slow' | 'paused';

export const SLOW_PERIOD_MS = 5000;

type Task = () => void;

/**
 * Decides when the page may change. Work that would change it is scheduled here: however often it is scheduled, it
 * runs once per frame (a hidden tab gets no frames), once per five seconds, or only after the reader resumes.
 */
export class Pacer {
  readonly pace = new Observable<Pace>('live');
  #tasks = new Set<Task>();
  #cancel: Task | null = null;

  readonly schedule = (task: Task): void => {
    this.#tasks.add(task);
    this.#arm();
  };

  setPace(pace: Pace): void {
    this.#disarm();
    this.pace.set(pace);
    if (pace !== 'paused') this.#run();
  }

  #arm(): void {
    const pace = this.pace.get();
    if (this.#cancel !== null || pace === 'paused') return;
    this.#cancel = pace === 'live' ? nextFrame(this.#run) : after(SLOW_PERIOD_MS, this.#run);
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  readonly #run = (): void => {
    this.#cancel = null;
    const tasks = this.#tasks;
    this.#tasks = new Set();
    for (const task of tasks) task();
  };
}

function nextFrame(task: Task): Task {
  const handle = requestAnimationFrame(task);
  return () => {
    cancelAnimationFrame(handle);
  };
}

function after(ms: number, task: Task): Task {
  const handle = setTimeout(task, ms);
  return () => {
    clearTimeout(handle);
  };
}
