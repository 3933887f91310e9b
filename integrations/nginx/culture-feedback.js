window.cultureFeedback = {
  // The OAuth token that udata-front-kit keeps.
  getToken: () => localStorage.getItem("token"),
  // Where people log in on this portal: without it the links of the widget lead to the page of udata.
  login: "/login",
};
