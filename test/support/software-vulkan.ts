import { existsSync } from "node:fs";

/** Where Debian's package chromium has the description of its software Vulkan device. */
const chromiumIcd = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** The description of a Vulkan device to test on: TEST_VULKAN_ICD, else Chromium's; undefined: there is none. */
export function softwareVulkan(): string | undefined {
  const icd = process.env.TEST_VULKAN_ICD ?? chromiumIcd;
  return existsSync(icd) ? icd : undefined;
}

/**
 * Lets processes that are started during `use` see this Vulkan device and no other one, and no CUDA device.
 * @param icd undefined: no device at all
 */
export async function withVulkan<T>(icd: string | undefined, use: () => Promise<T>): Promise<T> {
  const shown = {
    VK_ICD_FILENAMES: icd ?? "/dev/null",
    VK_DRIVER_FILES: icd ?? "/dev/null",
    CUDA_VISIBLE_DEVICES: "",
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "/tmp",
  };
  const before = Object.fromEntries(Object.keys(shown).map((key) => [key, process.env[key]]));
  Object.assign(process.env, shown);
  try {
    return await use();
  } finally {
    for (const [key, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  }
}
