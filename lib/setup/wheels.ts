// What libtorch is fetched from: the official wheels by name, pinned version and hash, per platform (design §0).

/** The libtorch that a fetch gives; any 2.11 or newer found on the machine serves too. */
export const libtorchVersion = '2.11.0';

/** The oldest libtorch that the native sources compile against. */
export const oldestLibtorch = [2, 11] as const;

/** One pinned wheel. `megabytes` is only for the progress bar; `sha256` decides. */
export interface Wheel {
  name: string;
  version: string;
  sha256: string;
  megabytes: number;
}

export type Platform = 'linux-x64' | 'linux-arm64';
export type Device = 'cpu' | 'cuda';

/** Per platform: name, version, sha256, megabytes. libtorch_cpu of these wheels names cudart and CUPTI. */
const pins: Record<Platform, string> = {
  'linux-x64': `
    torch                   2.11.0     0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756 530.7
    nvidia-cuda-runtime     13.0.96    7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548 2.2
    nvidia-cuda-cupti       13.0.85    4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8 10.7
    nvidia-cublas           13.1.0.3   ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171 423.1
    nvidia-cuda-nvrtc       13.0.88    ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575 90.2
    nvidia-cufft            12.0.0.61  6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3 214.1
    nvidia-cufile           1.15.1.6   08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44 1.2
    nvidia-curand           10.4.0.35  1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc 59.5
    nvidia-cusolver         12.0.4.66  0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112 200.9
    nvidia-cusparse         12.6.3.3   2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b 145.9
    nvidia-nvjitlink        13.0.88    13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b 40.7
    nvidia-nvtx             13.0.85    4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4 0.1
    nvidia-cudnn-cu13       9.19.0.56  d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf 366.1
    nvidia-cusparselt-cu13  0.8.0      25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd 169.9
    nvidia-nvshmem-cu13     3.4.5      290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80 60.4
    nvidia-nccl-cu13        2.28.9     e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42 196.5
  `,
  'linux-arm64': `
    torch                   2.11.0     f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f 419.7
    nvidia-cuda-runtime     13.0.96    ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55 2.3
    nvidia-cuda-cupti       13.0.85    796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151 10.3
    nvidia-cublas           13.1.0.3   c86fc7f7ae36d7528288c5d88098edcb7b02c633d262e7ddbb86b0ad91be5df2 542.9
    nvidia-cuda-nvrtc       13.0.88    d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b 43.0
    nvidia-cufft            12.0.0.61  2708c852ef8cd89d1d2068bdbece0aa188813a0c934db3779b9b1faa8442e5f5 214.1
    nvidia-cufile           1.15.1.6   bdc0deedc61f548bddf7733bdc216456c2fdb101d020e1ab4b88d232d5e2f6d1 1.1
    nvidia-curand           10.4.0.35  133df5a7509c3e292aaa2b477afd0194f06ce4ea24d714d616ff36439cee349a 62.0
    nvidia-cusolver         12.0.4.66  02c2457eaa9e39de20f880f4bd8820e6a1cfb9f9a34f820eb12a155aa5bc92d2 223.5
    nvidia-cusparse         12.6.3.3   80bcc4662f23f1054ee334a15c72b8940402975e0eab63178fc7e670aa59472c 162.2
    nvidia-nvjitlink        13.0.88    e931536ccc7d467a98ba1d8b89ff7fa7f1fa3b13f2b0069118cd7f47bff07d0c 38.8
    nvidia-nvtx             13.0.85    cb7780edb6b14107373c835bf8b72e7a178bac7367e23da7acb108f973f157a6 0.1
    nvidia-cudnn-cu13       9.19.0.56  6ed29ffaee1176c612daf442e4dd6cfeb6a0caa43ddcbeb59da94953030b1be4 433.8
    nvidia-cusparselt-cu13  0.8.0      400c6ed1cf6780fc6efedd64ec9f1345871767e6a1a0a552a1ea0578117ea77c 220.8
    nvidia-nvshmem-cu13     3.4.5      6dc2a197f38e5d0376ad52cd1a2a3617d3cdc150fd5966f4aee9bcebb1d68fe9 60.2
    nvidia-nccl-cu13        2.28.9     01c873ba1626b54caa12272ed228dc5b2781545e0ae8ba3f432a8ef1c6d78643 196.5
  `,
};

const cpuWheels = new Set(['torch', 'nvidia-cuda-runtime', 'nvidia-cuda-cupti']);

/** The wheels of a set: three for the CPU, and every library that torch names for CUDA. */
export function wheelsFor(platform: Platform, device: Device): Wheel[] {
  const rows = pins[platform].trim().split('\n');
  const wheels = rows.map((row) => {
    const [name = '', version = '', sha256 = '', megabytes] = row.trim().split(/ +/);
    return { name, version, sha256, megabytes: Number(megabytes) };
  });
  return wheels.filter((wheel) => device === 'cuda' || cpuWheels.has(wheel.name));
}

const machines: Record<Platform, string> = { 'linux-x64': 'x86_64', 'linux-arm64': 'aarch64' };

/** pip's platform tags under which the pinned wheels are published. */
export function pipPlatforms(platform: Platform): string[] {
  const policies = ['2_28', '2_27', '2_25', '2_18', '2_17', '2_12', '2_5'];
  const legacy = ['manylinux2014', 'manylinux2010', 'manylinux1'];
  return [...policies.map((policy) => `manylinux_${policy}`), ...legacy].map(
    (tag) => `${tag}_${machines[platform]}`,
  );
}
