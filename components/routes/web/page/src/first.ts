// Applies the theme that was chosen in this browser before the first paint.
try {
  const theme = localStorage.getItem('goldfish-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the page has the theme of the system.
}
