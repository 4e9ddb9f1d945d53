// The two names that the React Native SDK imports from `react-native`, as they are where it runs in JavaScript only.
export const Platform = { OS: "web", Version: "1", constants: {} };
export const NativeModules = {};
