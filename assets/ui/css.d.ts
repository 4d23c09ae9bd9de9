// Style sheets, which the build of the pages includes.
declare module "*.css";
