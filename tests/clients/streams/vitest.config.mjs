import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*.test.mjs'],
    // The longest tests wait for a time to live.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
