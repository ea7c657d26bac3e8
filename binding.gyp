# The second build of the same sources, by node-gyp: `npm run build:gyp`. CMakeLists.txt is the build of record.
# `libtorch` comes on the command line (-Dlibtorch=FOLDER) or from LORASHEAR_LIBTORCH.
{
  'variables': {
    'libtorch%': '<!(node -p "process.env.LORASHEAR_LIBTORCH || \'\'")',
  },
  'targets': [{
    'target_name': 'lorashear',
    'sources': ['<!@(node -p "require(\'fs\').readdirSync(\'native\', { recursive: true }).filter(f => f.endsWith(\'.cc\')).map(f => \'native/\' + f).join(\' \')")'],
    'include_dirs': [
      'native',
      '<!(node -p "require(\'node-addon-api\').include_dir")',
    ],
    'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_CPP_EXCEPTIONS', '_GLIBCXX_USE_CXX11_ABI=1',
                'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': [
      '-std=c++20', '-fexceptions', '-frtti', '-O3', '-fvisibility=hidden',
      '-Wno-unused-parameter', '-Wno-maybe-uninitialized',
      '-isystem', '<(libtorch)/include',
      '-isystem', '<(libtorch)/include/torch/csrc/api/include',
    ],
    'ldflags': ['-Wl,--no-as-needed', '-Wl,--disable-new-dtags', '-Wl,-z,nodelete', '-Wl,-rpath,<(libtorch)/lib'],
    'libraries': ['-L<(libtorch)/lib', '-ltorch_cpu', '-lc10', '-lpthread'],
  }],
}
