// Files that the page loads when it needs them. The build replaces their names by those with a hash.

declare module '/assets/*';
