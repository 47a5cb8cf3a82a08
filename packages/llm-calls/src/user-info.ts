const USER_INFO = /:\/\/[^\s/?#@]{1,512}@/g;

/** The text without the users and passwords of addresses in it. */
export const withoutUserInfo = (text: string): string => text.replaceAll(USER_INFO, '://[secret]@');
