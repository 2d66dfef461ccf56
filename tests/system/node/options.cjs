// Turns `--name value` pairs into an object; an option without a value is `true`.
'use strict';

module.exports = function options(argv = process.argv.slice(2)) {
  const found = {};
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i].replace(/^--/, '');
    const next = argv[i + 1];
    const has_value = next !== undefined && !next.startsWith('--');
    found[name] = has_value ? next : true;
    if (has_value) i++;
  }
  return found;
};
