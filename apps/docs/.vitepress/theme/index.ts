import theme from 'vitepress/theme-without-fonts';
// oxlint-disable-next-line import/no-unassigned-import -- what Vite puts into the page
import './style.css';

export default theme;
