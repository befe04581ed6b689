// The renderer has dark colours, and leaves it to the page to ask for them.
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', dress);
dress();

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  // The routes for the client of Better Auth are the same once more: they are folded.
  onComplete: () => document.querySelector('#operations-tag-Better_Auth')?.click(),
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // Nothing is asked of anybody but this server.
  validatorUrl: null,
});
