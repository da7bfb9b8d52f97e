[inputs: ["{mix,.formatter,snakebridge}.exs", "{lib,test}/**/*.{ex,exs}"]]
