// Our two elements are no components of Vue: it neither looks for them nor warns.
export default defineNuxtConfig({
  vue: {
    compilerOptions: {
      isCustomElement: (tag: string) => tag.startsWith('culture-feedback'),
    },
  },
})
