import { addComponent, createResolver, defineNuxtModule } from 'nuxt/kit'

// The tabs of datasets are an auto-imported component: ours, of a higher priority, wraps it.
export default defineNuxtModule({
  meta: { name: 'culture-feedback-tabs' },
  setup() {
    const { resolve } = createResolver(import.meta.url)
    addComponent({
      name: 'FullPageTabs',
      filePath: resolve('../tabs/FeedbackTabs.vue'),
      priority: 10,
    })
  },
})
