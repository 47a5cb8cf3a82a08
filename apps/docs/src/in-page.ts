/** Questions to a page. They are text: they run in the browser, and this program knows nothing of a document. */

/** Whether Vue has taken the server's HTML over. */
export const IS_ALIVE = `'__vue_app__' in (document.querySelector('#app') ?? {})`;

/** By how many pixels the page is wider than the window. */
export const EXCESS_WIDTH = 'document.documentElement.scrollWidth - innerWidth';

/** What stands in the header and is cut off by the edge of the window. */
export const CUT_OFF = `[...document.querySelectorAll('header :is(a, button)')]
  .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 80))`;

/** What has the focus, where nobody can see that; null where it is seen. */
export const UNSEEN_FOCUS = `(() => {
  const element = document.activeElement ?? document.body;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return outlineStyle === 'none' || outlineWidth === '0px' ? element.outerHTML.slice(0, 80) : null;
})()`;
