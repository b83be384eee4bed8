import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pacer } from '@/lib/prices/pacer';

let pacer: Pacer;
const task = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  task.mockClear();
  pacer = new Pacer();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Pacer', () => {
  test('live: a task scheduled many times runs once, in the next frame', () => {
    for (let times = 0; times < 9; times += 1) pacer.schedule(task);
    expect(task).not.toHaveBeenCalled();

    vi.advanceTimersToNextFrame();

    expect(task).toHaveBeenCalledTimes(1);
  });

  test('slow: tasks wait up to five seconds', () => {
    pacer.setPace('slow');
    pacer.schedule(task);
    vi.advanceTimersByTime(4999);
    expect(task).not.toHaveBeenCalled();

    vi.advanceTimersByTime(1);

    expect(task).toHaveBeenCalledTimes(1);
  });

  test('paused: nothing runs until the reader resumes, then at once', () => {
    pacer.setPace('paused');
    pacer.schedule(task);
    vi.advanceTimersByTime(60_000);
    expect(task).not.toHaveBeenCalled();

    pacer.setPace('live');

    expect(task).toHaveBeenCalledTimes(1);
  });

  test('pausing holds back what was already due', () => {
    pacer.schedule(task);
    pacer.setPace('paused');
    vi.advanceTimersByTime(1000);

    expect(task).not.toHaveBeenCalled();
  });
});
