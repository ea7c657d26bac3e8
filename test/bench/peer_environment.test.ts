import t from 'tap';
import { peerPython } from '../../bench/peer_environment.js';

t.test('when a Python is named, then it is taken if it is there', (t) => {
  t.equal(peerPython({ LORASHEAR_PEER_PYTHON: process.execPath }), process.execPath);
  t.throws(() => peerPython({ LORASHEAR_PEER_PYTHON: '/nowhere/python' }), {
    code: 'SETUP_NO_PYTHON',
    message: /nowhere/,
  });
  t.end();
});

t.test('when no peers are installed, then the error says how to', (t) => {
  const cache = t.testdir();
  t.throws(() => peerPython({ LORASHEAR_CACHE: cache }), {
    code: 'SETUP_NO_PYTHON',
    hint: /--install-peers/,
  });
  t.end();
});
