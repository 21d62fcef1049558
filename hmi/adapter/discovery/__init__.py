"""Looking at what is on a component's servers: the routes, and what is made of the messages seen."""
