// Before the first paint: the theme that was chosen in this browser.
try {
  const theme = localStorage.getItem('goldfish-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // The system's theme, then.
}
