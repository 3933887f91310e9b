// The loader, once for all pages. What this layer has pages for is not placed a second time.
export default defineNuxtPlugin(() => {
  const { public: { apiBase } } = useRuntimeConfig()
  useHead({
    script: [{
      'type': 'module',
      'src': `${apiBase}/api/1/culture-feedback/embed.js`,
      'data-section': 'off',
      'data-tab': 'off',
      'data-download': 'off',
      'data-dashboard': 'off',
      'data-moderation': 'off',
    }],
  })
})
